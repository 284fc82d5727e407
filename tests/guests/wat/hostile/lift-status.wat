;; Returns a status that does not exist.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 132) "\ff"))
