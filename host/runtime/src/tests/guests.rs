//! Small components as text.

/// The binary form of a component.
pub(super) fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a well-formed component")
}

/// A command whose core module is `module`; its function `run` returns 0 for `ok`.
pub(super) fn command(module: &str) -> String {
    format!(
        r#"(component
            (core module $m {module})
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $command (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $command)))"#
    )
}

/// A command whose whole body is `body`.
pub(super) fn body(body: &str) -> String {
    command(&format!(
        r#"(memory 1) (func (export "run") (result i32) {body})"#
    ))
}

/// A command that never ends.
pub(super) fn endless() -> String {
    body("(loop $l (br $l)) (unreachable)")
}

/// An agent whose function `run` gets a place to return its result at.
///
/// The result lies at address 0: a byte that is 0 for `ok`, then summary, details and report, or
/// the text of the error.
pub(super) fn agent(result: &str) -> String {
    format!(
        r#"(component
            (type $pairs (list (tuple string string)))
            (type $task' (record (field "id" string) (field "instructions" string)
                (field "arguments" (list string)) (field "parameters" $pairs)))
            (export $task "task" (type $task'))
            (type $outcome' (record (field "summary" string) (field "details" $pairs)
                (field "report" (option string))))
            (export $outcome "outcome" (type $outcome'))
            (core module $m
                (memory (export "memory") 1)
                {result}
                (global $next (mut i32) (i32.const 1024))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $next (i32.and
                        (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                    (global.get $next)
                    (global.set $next (i32.add (global.get $next) (local.get 3))))
                (func (export "run") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
                    (i32.const 0)))
            (core instance $i (instantiate $m))
            (func $run (param "task" $task) (result (result $outcome (error string)))
                (canon lift (core func $i "run") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc"))))
            (export "run" (func $run)))"#
    )
}

/// Memory and allocator that host functions of the guests below are lowered with.
const LIBC: &str = r#"
    (core module $libc-module
        (memory (export "memory") 2)
        (global $next (mut i32) (i32.const 65536))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $next (i32.and
                (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3)))))
    (core instance $libc (instantiate $libc-module))"#;

/// All error codes of `wasi:filesystem`, in order.
const ERROR_CODES: &str = r#""access" "would-block" "already" "bad-descriptor" "busy" "deadlock"
    "quota" "exist" "file-too-large" "illegal-byte-sequence" "in-progress" "interrupted" "invalid"
    "io" "is-directory" "loop" "too-many-links" "message-size" "name-too-long" "no-device"
    "no-entry" "no-lock" "insufficient-memory" "insufficient-space" "not-directory" "not-empty"
    "not-recoverable" "unsupported" "no-tty" "no-such-device" "overflow" "not-permitted" "pipe"
    "read-only" "invalid-seek" "text-file-busy" "cross-device""#;

/// A command that imports `wasi:filesystem` of a version, expects exactly the one directory `/`,
/// creates `made` in it and must fail to create `outside`.
pub(super) fn makes_directories(version: &str, outside: &str) -> String {
    let outside_len = outside.len();
    format!(
        r#"(component
            (import "wasi:filesystem/types@{version}" (instance $types
                (export "descriptor" (type $d (sub resource)))
                (type $code' (enum {ERROR_CODES}))
                (export "error-code" (type $code (eq $code')))
                (type $r (result (error $code)))
                (export "[method]descriptor.create-directory-at"
                    (func (param "self" (borrow $d)) (param "path" string) (result $r)))))
            (alias export $types "descriptor" (type $descriptor))
            (import "wasi:filesystem/preopens@{version}" (instance $preopens
                (alias outer 1 $descriptor (type $d'))
                (export "descriptor" (type $d (eq $d')))
                (export "get-directories" (func (result (list (tuple (own $d) string)))))))
            {LIBC}
            (core func $get (canon lower (func $preopens "get-directories")
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (core func $mkdir (canon lower
                (func $types "[method]descriptor.create-directory-at")
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (core module $m
                (import "libc" "memory" (memory 2))
                (import "host" "get" (func $get (param i32)))
                (import "host" "mkdir" (func $mkdir (param i32 i32 i32 i32)))
                (data (i32.const 0) "made")
                (data (i32.const 16) "{outside}")
                (func (export "run") (result i32)
                    (local $list i32)
                    (call $get (i32.const 8192))
                    (if (i32.ne (i32.load (i32.const 8196)) (i32.const 1))
                        (then (unreachable)))
                    (local.set $list (i32.load (i32.const 8192)))
                    (if (i32.ne (i32.load offset=8 (local.get $list)) (i32.const 1))
                        (then (unreachable)))
                    (if (i32.ne (i32.load8_u (i32.load offset=4 (local.get $list)))
                            (i32.const 47))
                        (then (unreachable)))
                    (call $mkdir (i32.load (local.get $list))
                        (i32.const 0) (i32.const 4) (i32.const 8200))
                    (if (i32.load8_u (i32.const 8200)) (then (unreachable)))
                    (call $mkdir (i32.load (local.get $list))
                        (i32.const 16) (i32.const {outside_len}) (i32.const 8200))
                    (if (i32.eqz (i32.load8_u (i32.const 8200))) (then (unreachable)))
                    (i32.const 0)))
            (core instance $i (instantiate $m
                (with "libc" (instance $libc))
                (with "host" (instance
                    (export "get" (func $get)) (export "mkdir" (func $mkdir))))))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $command (export "run" (func $run)))
            (export "wasi:cli/run@{version}" (instance $command)))"#
    )
}

/// A command that prints `text` to standard output `times` times.
pub(super) fn prints(text: &str, times: u32) -> String {
    let len = text.len();
    format!(
        r#"(component
            (import "wasi:io/error@0.2.0" (instance $error
                (export "error" (type (sub resource)))))
            (alias export $error "error" (type $error-type))
            (import "wasi:io/streams@0.2.0" (instance $streams
                (alias outer 1 $error-type (type $e'))
                (export "error" (type $e (eq $e')))
                (export "output-stream" (type $o (sub resource)))
                (type $se' (variant (case "last-operation-failed" (own $e)) (case "closed")))
                (export "stream-error" (type $se (eq $se')))
                (export "[method]output-stream.blocking-write-and-flush"
                    (func (param "self" (borrow $o)) (param "contents" (list u8))
                        (result (result (error $se)))))))
            (alias export $streams "output-stream" (type $output))
            (import "wasi:cli/stdout@0.2.0" (instance $stdout
                (alias outer 1 $output (type $o'))
                (export "output-stream" (type $o (eq $o')))
                (export "get-stdout" (func (result (own $o))))))
            {LIBC}
            (core func $get (canon lower (func $stdout "get-stdout")))
            (core func $write (canon lower
                (func $streams "[method]output-stream.blocking-write-and-flush")
                (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
            (core module $m
                (import "libc" "memory" (memory 2))
                (import "host" "get" (func $get (result i32)))
                (import "host" "write" (func $write (param i32 i32 i32 i32)))
                (data (i32.const 0) "{text}")
                (func (export "run") (result i32)
                    (local $stream i32) (local $left i32)
                    (local.set $stream (call $get))
                    (local.set $left (i32.const {times}))
                    (loop $again
                        (call $write (local.get $stream)
                            (i32.const 0) (i32.const {len}) (i32.const 8192))
                        (if (i32.load8_u (i32.const 8192)) (then (unreachable)))
                        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                        (br_if $again (local.get $left)))
                    (i32.const 0)))
            (core instance $i (instantiate $m
                (with "libc" (instance $libc))
                (with "host" (instance
                    (export "get" (func $get)) (export "write" (func $write))))))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $command (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $command)))"#
    )
}

/// A command that asks for its standard output for ever and drops none of what it gets.
pub(super) fn keeps_streams() -> String {
    r#"(component
        (import "wasi:io/streams@0.2.0" (instance $streams
            (export "output-stream" (type (sub resource)))))
        (alias export $streams "output-stream" (type $output))
        (import "wasi:cli/stdout@0.2.0" (instance $stdout
            (alias outer 1 $output (type $o'))
            (export "output-stream" (type $o (eq $o')))
            (export "get-stdout" (func (result (own $o))))))
        (core func $get (canon lower (func $stdout "get-stdout")))
        (core module $m
            (import "host" "get" (func $get (result i32)))
            (func (export "run") (result i32)
                (loop $again (drop (call $get)) (br $again)) (unreachable)))
        (core instance $i (instantiate $m
            (with "host" (instance (export "get" (func $get))))))
        (func $run (result (result)) (canon lift (core func $i "run")))
        (instance $command (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $command)))"#
        .to_owned()
}
