;; Grows tables, each entry of which takes memory of the host.
(core module $large
  (table $table 0 funcref)
  (func (export "grow") (drop (table.grow $table (ref.null func) (i32.const 1000)))))
(core instance $a (instantiate $large))
(core instance $b (instantiate $large))
(core module $module
  (import "a" "grow" (func $a)) (import "b" "grow" (func $b))
  ;; + memory realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $round i32)
    (loop $again
      (call $a) (call $b)
      (br_if $again (i32.lt_u (local.tee $round (i32.add (local.get $round) (i32.const 1))) (i32.const 90))))
    (call $healthy)))
(core instance $guest (instantiate $module (with "a" (instance $a)) (with "b" (instance $b))))
