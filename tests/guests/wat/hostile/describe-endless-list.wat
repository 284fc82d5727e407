;; Returns a description with four billion annotations.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 96) "\00\00\00\00\ff\ff\ff\ff"))
