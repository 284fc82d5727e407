;; Recurses until the stack is exhausted.
(core module $module
  ;; + memory realloc describe post
  (func $down (param i64 i64 i64 i64) (result i64)
    (i64.add (call $down (local.get 3) (local.get 2) (local.get 1) (i64.add (local.get 0) (i64.const 1))) (local.get 0)))
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.wrap_i64 (call $down (i64.const 0) (i64.const 1) (i64.const 2) (i64.const 3)))))
