;; Traps while it is instantiated.
(core module $module
  ;; + memory realloc describe post healthy well
  (func $start unreachable)
  (start $start))
