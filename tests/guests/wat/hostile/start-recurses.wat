;; Exhausts the stack during instantiation.
(core module $module
  ;; + memory realloc describe post healthy well
  (func $start (call $start))
  (start $start))
