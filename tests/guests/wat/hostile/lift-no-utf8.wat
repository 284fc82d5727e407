;; Returns a message that is not UTF-8: a truncated character, and one that begins with a continuation byte.
(core module $module
  ;; + memory realloc describe post healthy well
  (data (i32.const 136) "\00\02\00\00\04\00\00\00")
  (data (i32.const 512) "ok\c3\28"))
