;; Polls an empty list of events.
(import "wasi:io/poll@0.2.0" (instance $poll
  (export "pollable" (type $p (sub resource)))
  (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
(core module $base
  ;; + memory realloc
)
(core instance $base (instantiate $base))
(core func $wait (canon lower (func $poll "poll") (memory (core memory $base "memory")) (realloc (core func $base "cabi_realloc"))))
(core module $module
  (import "host" "poll" (func $poll (param i32 i32 i32)))
  (import "base" "memory" (memory 2))
  (import "base" "cabi_realloc" (func $realloc (param i32 i32 i32 i32) (result i32)))
  (export "memory" (memory 0))
  (export "cabi_realloc" (func $realloc))
  ;; + describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $poll (i32.const 0) (i32.const 0) (i32.const 2048))
    (call $healthy)))
(core instance $guest (instantiate $module
  (with "host" (instance (export "poll" (func $wait))))
  (with "base" (instance $base))))
