;; Loops during instantiation: `describe` is never called.
(core module $module
  ;; + memory realloc describe post healthy well
  (func $start (loop $for_ever (br $for_ever)))
  (start $start))
