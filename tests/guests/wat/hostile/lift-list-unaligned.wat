;; Returns details at an unaligned address.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 144) "\03\00\00\00\01\00\00\00"))
