;; Exhausts the stack when asked to allocate the request.
(core module $module
  ;; + memory describe post healthy well
  (func $down (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.add (i32.const 1) (call $down (local.get 0) (local.get 1) (local.get 2) (local.get 3)))))
