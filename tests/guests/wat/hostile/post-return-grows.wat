;; Returns, and then takes more memory than allowed in its post-return function.
(core module $module
  ;; + memory realloc describe healthy well
  (func (export "cabi_post_check") (param i32) (drop (memory.grow (i32.const 4000)))))
