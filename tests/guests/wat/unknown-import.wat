;; A component that imports an interface that no vitals host has.
(component
  (import "acme:thing/api@1.0.0" (instance
    (export "ping" (func (result string))))))
