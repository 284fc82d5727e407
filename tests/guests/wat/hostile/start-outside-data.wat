;; Puts data where there is no memory while it is instantiated.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 131071) "beyond the end"))
