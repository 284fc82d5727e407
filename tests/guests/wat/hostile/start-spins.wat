;; Loops while it is instantiated: `describe` never begins.
(core module $module
  ;; + memory realloc describe post healthy well
  (func $start (loop $for_ever (br $for_ever)))
  (start $start))
