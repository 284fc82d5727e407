;; Traps during instantiation.
(core module $module
  ;; + memory realloc describe post healthy well
  (func $start unreachable)
  (start $start))
