;; Returns, and then traps in its post-return function.
(core module $module
  ;; + memory realloc describe healthy well
  (func (export "cabi_post_check") (param i32) unreachable))
