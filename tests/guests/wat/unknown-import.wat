;; A component that imports an interface which no host of vitals has.
(component
  (import "acme:thing/api@1.0.0" (instance
    (export "ping" (func (result string))))))
