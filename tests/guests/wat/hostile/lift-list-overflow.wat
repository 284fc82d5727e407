;; Returns so many measurements that their size in bytes overflows 32 bits to a small number.
(core module $module
  ;; + memory realloc describe post healthy well
  ;; 72 bytes each: 72 * 0x1c71c71d is 8 in 32 bits.
  (data (i32.const 152) "\00\00\00\00\1d\c7\71\1c"))
