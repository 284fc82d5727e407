;; Always allocates the same address, at the bottom of its memory.
(core module $module
  ;; + memory describe post healthy well
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
