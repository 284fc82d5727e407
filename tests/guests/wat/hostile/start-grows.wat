;; Takes 40 MiB of memory while it is instantiated: `describe` may, a check with less memory may not.
(core module $module
  ;; + memory realloc describe post healthy well
  (func $start (drop (memory.grow (i32.const 640))))
  (start $start))
