//! What `bindgen!` makes of the contract: the two halves of the guest boundary as Rust traits.
//!
//! `wasi:filesystem` stays at exactly 0.2.12: the linker serves every guest of 0.2.x from the highest
//! version it holds, and this one is ours. Everything else of WASI comes from wasmtime-wasi.

pub(crate) mod filesystem {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package session-fs:bindings;
            world filesystem {
                import wasi:filesystem/types@0.2.12;
                import wasi:filesystem/preopens@0.2.12;
            }
        ",
        world: "session-fs:bindings/filesystem",
        imports: { default: trappable },
        trappable_error_type: {
            "wasi:filesystem/types.error-code" => crate::fs::FsError,
        },
        with: {
            "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
            "wasi:clocks/wall-clock": wasmtime_wasi::p2::bindings::clocks::wall_clock,
            "wasi:filesystem/types.descriptor": vfs::Descriptor,
            "wasi:filesystem/types.directory-entry-stream": vfs::DirCursor,
        },
        require_store_data_send: true,
    });
}

pub(crate) mod sockets {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package session-fs:bindings;
            world sockets {
                import wasi:sockets/tcp-create-socket@0.2.12;
                import wasi:sockets/udp-create-socket@0.2.12;
                import wasi:sockets/ip-name-lookup@0.2.12;
            }
        ",
        world: "session-fs:bindings/sockets",
        imports: { default: trappable },
        with: {
            "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
            "wasi:clocks/monotonic-clock": wasmtime_wasi::p2::bindings::clocks::monotonic_clock,
            "wasi:sockets/network": wasmtime_wasi::p2::bindings::sockets::network,
            "wasi:sockets/tcp": wasmtime_wasi::p2::bindings::sockets::tcp,
            "wasi:sockets/udp": wasmtime_wasi::p2::bindings::sockets::udp,
        },
        require_store_data_send: true,
    });
}

pub(crate) mod http {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package session-fs:bindings;
            world http {
                import wasi:http/types@0.2.12;
                import wasi:http/outgoing-handler@0.2.12;
            }
        ",
        world: "session-fs:bindings/http",
        imports: { default: trappable },
        with: {
            "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
            "wasi:clocks/monotonic-clock": wasmtime_wasi::p2::bindings::clocks::monotonic_clock,
            "wasi:http/types.fields": crate::http::Fields,
            "wasi:http/types.outgoing-request": crate::http::OutgoingRequest,
            "wasi:http/types.request-options": crate::http::RequestOptions,
            "wasi:http/types.outgoing-response": crate::http::OutgoingResponse,
            "wasi:http/types.outgoing-body": crate::http::OutgoingBody,
            "wasi:http/types.incoming-request": crate::http::Never,
            "wasi:http/types.incoming-response": crate::http::Never,
            "wasi:http/types.incoming-body": crate::http::Never,
            "wasi:http/types.future-incoming-response": crate::http::Never,
            "wasi:http/types.future-trailers": crate::http::Never,
            "wasi:http/types.response-outparam": crate::http::Never,
        },
        require_store_data_send: true,
    });
}

pub(crate) mod agent {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "session-fs:host/agent",
        imports: {
            // They look at a whole tree and change nothing, so a run that is stopped may leave them.
            "session-fs:host/session-fs.[method]session.search": async | trappable,
            "session-fs:host/session-fs.[method]session.diff": async | trappable,
            default: trappable,
        },
        exports: { default: async },
        trappable_error_type: {
            "session-fs:host/types.error" => crate::session::SessionError,
        },
        with: {
            "session-fs:host/session-fs.session": crate::session::SessionHandle,
        },
        require_store_data_send: true,
    });
}
