/// Traps with `message` unless `condition` holds. Unlike `precondition`, whose text an optimised build
/// drops, it always says what was wrong.
@inline(__always)
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
    if !condition { failed(message()) }
}

@inline(never)
private func failed(_ message: String) -> Never {
    fatalError(message)
}
