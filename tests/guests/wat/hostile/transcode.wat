;; Passes 16 MiB of `{text}` in the encoding `{from}` to another component in its file, which takes
;; `{to}`, again and again. `{units}` is the length of the text in units of its encoding.
(component $taker
  (core module $taker
    (memory (export "memory") 1)
    ;; Each text overwrites the previous one.
    (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
      (local $pages i32)
      (local.set $pages (i32.shr_u (i32.add (local.get $size) (i32.const 65535)) (i32.const 16)))
      (if (i32.gt_u (local.get $pages) (memory.size))
        (then (if (i32.eq (memory.grow (i32.sub (local.get $pages) (memory.size))) (i32.const -1)) (then unreachable))))
      (i32.const 0))
    (func (export "take") (param i32 i32)))
  (core instance $taker (instantiate $taker))
  (func (export "take") (param "text" string)
    (canon lift (core func $taker "take") (memory (core memory $taker "memory"))
      (realloc (core func $taker "cabi_realloc")) string-encoding={to})))
(instance $taker (instantiate $taker))
(component $giver
  ;; + contract
  (import "take" (func $taken (param "text" string)))
  (core module $memory (memory (export "memory") 2))
  (core instance $texts (instantiate $memory))
  (core func $take (canon lower (func $taken) (memory (core memory $texts "memory")) string-encoding={from}))
  (core module $module
    (import "texts" "memory" (memory 1))
    (import "taker" "take" (func $take (param i32 i32)))
    (export "memory" (memory 0))
    ;; + realloc describe post healthy
    (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
      (local $at i32)
      (drop (memory.grow (i32.const 257)))
      ;; The text, doubled until it is long enough.
      (i64.store (i32.const 131072) (i64.const {text}))
      (local.set $at (i32.const 8))
      (loop $again
        (memory.copy (i32.add (i32.const 131072) (local.get $at)) (i32.const 131072) (local.get $at))
        (local.set $at (i32.shl (local.get $at) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $at) (i32.const 16777216))))
      (loop $again
        (call $take (i32.const 131072) (i32.const {units}))
        (br $again))
      unreachable))
  (core instance $guest (instantiate $module
    (with "texts" (instance $texts)) (with "taker" (instance (export "take" (func $take))))))
  ;; + exports
)
(instance $giver (instantiate $giver
  (with "vitals:health/types@0.1.0" (instance $types)) (with "take" (func $taker "take"))))
(export "vitals:health/health-check@0.1.0" (instance $giver "vitals:health/health-check@0.1.0"))
