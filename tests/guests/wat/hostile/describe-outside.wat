;; Returns a description that lies outside its memory.
(core module $module
  ;; + memory realloc post healthy well
  (func (export "describe") (result i32) (i32.const -16)))
