import Configuration
import Testing

@Suite struct EndpointsTests {
    private func endpoints(_ endpoint: String) throws -> Endpoints {
        try PipelineSettings.load(
            text: "run: runs/a", path: "c.yaml", overrides: ["samplers.endpoint=\(endpoint)"]
        ).endpoints
    }

    @Test(
        "the control socket is beside the one for batches",
        arguments: [
            ("", "ipc://runs/a/batches.ipc", "ipc://runs/a/batches.ipc.control"),
            ("ipc:///tmp/x", "ipc:///tmp/x", "ipc:///tmp/x.control"),
            ("tcp://10.0.0.1:5555", "tcp://10.0.0.1:5555", "tcp://10.0.0.1:5556"),
            ("tcp://*:65534", "tcp://*:65534", "tcp://*:65535"),
            ("tcp://[::1]:5555", "tcp://[::1]:5555", "tcp://[::1]:5556"),
        ])
    func control(endpoint: String, batches: String, control: String) throws {
        let endpoints = try endpoints(endpoint)
        #expect(endpoints.batches == batches)
        #expect(endpoints.control == control)
    }

    @Test("a worker on the trainer's host dials itself where the trainer listens on every interface")
    func toConnect() throws {
        #expect(try endpoints("tcp://*:5555").toConnect.batches == "tcp://127.0.0.1:5555")
        #expect(try endpoints("tcp://*:5555").toConnect.control == "tcp://127.0.0.1:5556")
        #expect(try endpoints("tcp://0.0.0.0:5555").toConnect.control == "tcp://127.0.0.1:5556")
        #expect(try endpoints("tcp://host:5555").toConnect == endpoints("tcp://host:5555"))
        #expect(try endpoints("").toConnect == endpoints(""))
    }

    @Test(
        "an address that cannot be used is refused with what it should be",
        arguments: [
            ("nonsense", ""), ("ipc://", ""), ("tcp://", ""), ("tcp://host", ""), ("tcp://:5555", ""),
            ("udp://host:5", ""), ("tcp://a b:5", ""), ("tcp://a/b:5", ""), ("tcp://a:b:5", ""),
            ("tcp://host:0", " with a port from 1 to 65534 (the next one is used too)"),
            ("tcp://host:65535", " with a port from 1 to 65534 (the next one is used too)"),
            ("tcp://host:http", " with a port from 1 to 65534 (the next one is used too)"),
            ("tcp://host:", " with a port from 1 to 65534 (the next one is used too)"),
        ])
    func faults(endpoint: String, more: String) {
        var line = ""
        do { _ = try endpoints(endpoint) } catch { line = "\(error)" }
        #expect(
            line
                == "config: --set samplers.endpoint=\(endpoint): samplers.endpoint: expected ipc://PATH or tcp://HOST:PORT"
                + "\(more), found \(endpoint). Correct it.")
    }
}
