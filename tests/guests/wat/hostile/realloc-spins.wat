;; Loops when asked to allocate the request.
(core module $module
  ;; + memory describe post healthy well
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (loop $for_ever (br $for_ever)) unreachable))
