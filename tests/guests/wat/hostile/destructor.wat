;; Drops a resource of its own, whose destructor has the body `{body}`.
(core module $end
  (func (export "end") (param i32) {body}))
(core instance $end (instantiate $end))
(type $thing (resource (rep i32) (dtor (core func $end "end"))))
(core func $new (canon resource.new $thing))
(core func $drop (canon resource.drop $thing))
(core module $module
  (import "thing" "new" (func $new (param i32) (result i32)))
  (import "thing" "drop" (func $drop (param i32)))
  ;; + memory realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $drop (call $new (i32.const 7)))
    (call $healthy)))
(core instance $guest (instantiate $module
  (with "thing" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
