;; Its measurements are as many as make their bytes come to little again, in 32 bits.
(core module $module
  ;; + memory realloc describe post healthy well
  ;; 72 bytes each: 72 * 0x1c71c71d is 8 in 32 bits.
  (data (i32.const 152) "\00\00\00\00\1d\c7\71\1c"))
