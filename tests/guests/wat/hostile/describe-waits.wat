;; Waits for an hour in `describe`.
(import "wasi:io/poll@0.2.0" (instance $poll
  (export "pollable" (type $p (sub resource)))
  (export "[method]pollable.block" (func (param "self" (borrow $p))))))
(alias export $poll "pollable" (type $pollable))
(import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
  (alias outer 1 $pollable (type $p))
  (export "pollable" (type $pollable' (eq $p)))
  (export "subscribe-duration" (func (param "when" u64) (result (own $pollable'))))))
(core func $subscribe (canon lower (func $clock "subscribe-duration")))
(core func $block (canon lower (func $poll "[method]pollable.block")))
(core module $module
  (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
  (import "host" "block" (func $block (param i32)))
  ;; + memory realloc post healthy well
  (func (export "describe") (result i32)
    (call $block (call $subscribe (i64.const 3600000000000)))
    (i32.const 64)))
(core instance $guest (instantiate $module
  (with "host" (instance (export "subscribe" (func $subscribe)) (export "block" (func $block))))))
