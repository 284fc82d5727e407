;; Reads at the end of the 32-bit address space.
(core module $module
  ;; + memory realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.load offset=4294967295 (i32.const 4294967295))))
