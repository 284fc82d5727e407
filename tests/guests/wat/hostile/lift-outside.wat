;; Returns a result that lies outside its memory.
(core module $module
  ;; + memory realloc describe post
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const -64)))
