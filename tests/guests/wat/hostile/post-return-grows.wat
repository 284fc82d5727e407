;; Answers, and then takes more memory than it may.
(core module $module
  ;; + memory realloc describe healthy well
  (func (export "cabi_post_check") (param i32) (drop (memory.grow (i32.const 4000)))))
