//! The control plane: queue, store, gallery, workers, socket.
