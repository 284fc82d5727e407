;; Has eight memories, each far below the limit.
(core module $large
  (memory 0)
  (func (export "grow") (drop (memory.grow (i32.const 240)))))
(core instance $a (instantiate $large))
(core instance $b (instantiate $large))
(core instance $c (instantiate $large))
(core instance $d (instantiate $large))
(core instance $e (instantiate $large))
(core instance $f (instantiate $large))
(core instance $g (instantiate $large))
(core module $module
  (import "a" "grow" (func $a)) (import "b" "grow" (func $b)) (import "c" "grow" (func $c))
  (import "d" "grow" (func $d)) (import "e" "grow" (func $e)) (import "f" "grow" (func $f))
  (import "g" "grow" (func $g))
  ;; + memory realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $a) (call $b) (call $c) (call $d) (call $e) (call $f) (call $g)
    (call $healthy)))
(core instance $guest (instantiate $module
  (with "a" (instance $a)) (with "b" (instance $b)) (with "c" (instance $c)) (with "d" (instance $d))
  (with "e" (instance $e)) (with "f" (instance $f)) (with "g" (instance $g))))
