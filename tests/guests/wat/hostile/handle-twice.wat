;; Drops a handle of the host twice.
(import "wasi:io/poll@0.2.0" (instance $poll
  (export "pollable" (type (sub resource)))))
(alias export $poll "pollable" (type $pollable))
(import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
  (alias outer 1 $pollable (type $p))
  (export "pollable" (type $pollable' (eq $p)))
  (export "subscribe-duration" (func (param "when" u64) (result (own $pollable'))))))
(core func $subscribe (canon lower (func $clock "subscribe-duration")))
(core func $drop (canon resource.drop $pollable))
(core module $module
  (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
  (import "host" "drop" (func $drop (param i32)))
  ;; + memory realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $handle i32)
    (local.set $handle (call $subscribe (i64.const 1000000)))
    (call $drop (local.get $handle))
    (call $drop (local.get $handle))
    (call $healthy)))
(core instance $guest (instantiate $module
  (with "host" (instance (export "subscribe" (func $subscribe)) (export "drop" (func $drop))))))
