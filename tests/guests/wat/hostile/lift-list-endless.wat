;; Returns a list of four billion details.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 144) "\00\00\00\00\ff\ff\ff\ff"))
