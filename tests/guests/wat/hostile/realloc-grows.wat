;; Takes more memory than allowed when asked to allocate the request.
(core module $module
  ;; + memory describe post healthy well
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (drop (memory.grow (i32.const 4000))) (i32.const 1024)))
