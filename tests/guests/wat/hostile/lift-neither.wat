;; Returns neither a result nor an error.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 128) "\02"))
