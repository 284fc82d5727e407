;; Takes more memory in `describe` than allowed.
(core module $module
  ;; + memory realloc post healthy well
  (func (export "describe") (result i32) (drop (memory.grow (i32.const 2000))) (i32.const 0)))
