;; Allocates an unaligned address for a list whose entries must be aligned.
(import "wasi:cli/environment@0.2.0" (instance $environment
  (export "get-environment" (func (result (list (tuple string string)))))))
(core module $base
  ;; + memory
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1025)))
(core instance $base (instantiate $base))
(core func $get (canon lower (func $environment "get-environment") (memory (core memory $base "memory")) (realloc (core func $base "cabi_realloc"))))
(core module $module
  (import "host" "get" (func $get (param i32)))
  (import "base" "memory" (memory 2))
  (export "memory" (memory 0))
  ;; + realloc describe post healthy
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (call $get (i32.const 2048))
    (call $healthy)))
(core instance $guest (instantiate $module
  (with "host" (instance (export "get" (func $get))))
  (with "base" (instance $base))))
