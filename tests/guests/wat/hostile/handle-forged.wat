;; Drops a handle that it was never given.
(type $thing (resource (rep i32)))
(core func $drop (canon resource.drop $thing))
(core module $module
  (import "thing" "drop" (func $drop (param i32)))
  ;; + memory realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $drop (i32.const 12345))
    (call $healthy)))
(core instance $guest (instantiate $module
  (with "thing" (instance (export "drop" (func $drop))))))
