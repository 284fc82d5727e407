;; Gives out the same place, at the bottom of its memory, whatever is asked.
(core module $module
  ;; + memory describe post healthy well
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
