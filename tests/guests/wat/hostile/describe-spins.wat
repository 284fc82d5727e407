;; Loops in `describe`.
(core module $module
  ;; + memory realloc post healthy well
  (func (export "describe") (result i32) (loop $for_ever (br $for_ever)) unreachable))
