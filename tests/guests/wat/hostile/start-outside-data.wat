;; Writes data outside its memory during instantiation.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 131071) "beyond the end"))
