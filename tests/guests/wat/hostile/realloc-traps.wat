;; Traps when asked to allocate the request.
(core module $module
  ;; + memory describe post healthy well
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))
