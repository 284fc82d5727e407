;; Answers neither with a result nor with an error.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 128) "\02"))
