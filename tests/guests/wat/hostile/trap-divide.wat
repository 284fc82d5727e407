;; Divides by zero.
(core module $module
  ;; + memory realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.div_u (i32.const 1) (i32.load (i32.const 8)))))
