;; Healthy, with its version as the message. The harness overwrites the eight digits in the binary,
;; so that thousands of versions cost no more than one. `{answer}` is the body of its check,
;; `{description}` the address of its description.
(core module $module
  ;; + memory realloc post
  (data (i32.const 16) "versioned")
  (data (i32.const 32) "1.0.00000000")
  (data (i32.const 48) "{\"type\":\"object\",\"properties\":{\"word\":{\"type\":\"string\"}},\"additionalProperties\":false}")
  (data (i32.const 160)
    "\10\00\00\00\09\00\00\00" "\20\00\00\00\0c\00\00\00" "\10\00\00\00\09\00\00\00" "\30\00\00\00\56\00\00\00"
    "\00\00\00\00\00\00\00\00")
  (func (export "describe") (result i32) {description})
  (data (i32.const 224) "\00\00\00\00" "\00\00\00\00" "\24\00\00\00\08\00\00\00" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\00")
  (func (export "check") (param i32 i32 i32 i32 i32 i32 i32) (result i32) {answer}))
