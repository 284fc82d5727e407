;; The first instance starts at once; the second, two components deep, never does.
(component $inner
  (core module $quick (func $start nop) (start $start))
  (core instance (instantiate $quick))
  (component $deeper
    (core module $slow (func $start (loop $for_ever (br $for_ever))) (start $start))
    (core instance (instantiate $slow)))
  (instance (instantiate $deeper)))
(instance (instantiate $inner))
(core module $module
  ;; + memory realloc describe post healthy well
)
