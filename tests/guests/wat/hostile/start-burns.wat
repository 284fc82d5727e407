;; Computes for a while during instantiation: `describe` has enough fuel for that, a check with less fuel
;; or time does not.
(core module $module
  ;; + memory realloc describe post healthy well
  (func $start (local $round i32)
    (loop $again
      (br_if $again (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 60000000)))))
  (start $start))
