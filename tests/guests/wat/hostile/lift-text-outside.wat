;; Returns a message at the end of its memory, four billion bytes long.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 136) "\ff\ff\01\00\ff\ff\ff\ff"))
