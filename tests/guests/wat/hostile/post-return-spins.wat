;; Returns, and then loops in its post-return function.
(core module $module
  ;; + memory realloc describe healthy well
  (func (export "cabi_post_check") (param i32) (loop $for_ever (br $for_ever))))
