;; Uses the stack up while it is instantiated.
(core module $module
  ;; + memory realloc describe post healthy well
  (func $start (call $start))
  (start $start))
